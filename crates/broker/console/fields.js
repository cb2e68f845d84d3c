// Errors in plain words at the control concerned. Every control `x` that can be wrong has a
// paragraph `x-error` in the page, and names it in aria-describedby.

import { byId } from "./dom.js";

/** Shows what is wrong with a control. */
export function showError(control, message) {
  const text = byId(`${control.id}-error`);
  text.textContent = message;
  text.hidden = false;
  control.setAttribute("aria-invalid", "true");
}

/** Takes the message away again. */
export function clearError(control) {
  const text = byId(`${control.id}-error`);
  text.hidden = true;
  text.textContent = "";
  control.removeAttribute("aria-invalid");
}

/** Shows an error and moves the focus there, for a form that was just submitted. */
export function rejectField(control, message) {
  showError(control, message);
  control.focus();
}

/** Clears a control's error as soon as it is edited. */
export function clearErrorOnInput(...controls) {
  for (const control of controls) {
    control.addEventListener("input", () => clearError(control));
    control.addEventListener("change", () => clearError(control));
  }
}
