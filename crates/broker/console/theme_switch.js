// The three-way theme switch in the header: system, light, dark. theme.js applies the choice on load.

const KEY = "gumboot-theme";

export function initThemeSwitch() {
  const radios = document.querySelectorAll('input[name="theme"]');
  const present = document.documentElement.dataset.theme ?? "system";
  for (const radio of radios) {
    radio.checked = radio.value === present;
    radio.addEventListener("change", () => apply(radio.value));
  }
}

function apply(theme) {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  try {
    if (theme === "system") localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, theme);
  } catch {
    // Without storage the choice holds until the page is left.
  }
}
