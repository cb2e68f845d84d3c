// On a narrow screen the log lies below the controls: a small button leads down to it and back up.

import { setText } from "./dom.js";

export function initLogLinks() {
  for (const view of document.querySelectorAll(".workbench")) linkLog(view);
}

function linkLog(view) {
  const button = view.querySelector(".log-link");
  const [icon, text] = [button.querySelector("use"), button.querySelector("span")];
  const counts = view.querySelector(".log-footer span");
  const pane = view.querySelector(".log-pane");
  let atLog = false;

  const show = () => {
    icon.setAttribute("href", atLog ? "#icon-up" : "#icon-down");
    setText(text, atLog ? "Controls" : `Log · ${counts.textContent}`);
  };
  new MutationObserver(show).observe(counts, { childList: true });
  new IntersectionObserver(([{ intersectionRatio }]) => {
    atLog = intersectionRatio > 0.4;
    show();
  }, { threshold: [0, 0.4] }).observe(pane);

  button.addEventListener("click", () => {
    const target = atLog ? view.querySelector(".controls") : pane;
    target.scrollIntoView({ block: "start" });
  });
}
