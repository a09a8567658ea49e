package peer;

/** The service. */
public interface Ledger {
    /** Tells what SOFATracer made of the request's header, as JSON. */
    String book(String account);

    /** Throws what the service itself may throw. */
    String refuse(String account) throws NoFunds;

    /** Throws what nobody expects. */
    String fail(String account);

    /** Takes longer than its callers wait. */
    String slow(String account);

    class NoFunds extends Exception {
        public NoFunds(String message) {
            super(message);
        }
    }
}
