// Runs before the first paint, so that a remembered theme or language does not flash by.
;(function () {
  try {
    var root = document.documentElement
    var theme = localStorage.getItem('twinspan.theme')
    if (theme === 'light' || theme === 'dark') root.dataset.theme = theme
    var lang = localStorage.getItem('twinspan.lang') || navigator.language || 'en'
    root.lang = /^zh/i.test(lang) ? 'zh-CN' : 'en'
  } catch (e) {
    // Storage may be forbidden; the defaults are fine then.
  }
})()
