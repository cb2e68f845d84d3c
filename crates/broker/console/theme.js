// Applies the stored colour theme before the first paint. A classic script in <head>, not a module:
// modules run after the document is parsed, and the page would flash in the wrong colours.

(() => {
  try {
    const theme = localStorage.getItem("gumboot-theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch {
    // Storage can be forbidden by the browser's settings; the page then follows the system.
  }
})();
