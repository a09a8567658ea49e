package peer;

/** Either side of SOFARPC: "server APP PORT", or "client APP", which takes what to call from its standard input. */
public class Main {
    public static void main(String[] args) throws Exception {
        if (args[0].equals("server")) {
            Server.start(args[1], Integer.parseInt(args[2]));
            while (System.in.read() >= 0) {
                // until the test is over
            }
            System.exit(0);
        }
        new Client(args[1]).run();
        System.exit(0);
    }
}
