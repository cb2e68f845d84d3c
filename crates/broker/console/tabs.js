// The three views as tabs, each with its own address: #websocket, #stomp, #server.

/**
 * @param {HTMLElement} tabList links with role=tab; each href is `#<view>` and each panel's id is
 *   `view-<view>`
 * @param {(view: string, previous: string | null) => void} onChange
 */
export function initTabs(tabList, onChange) {
  const tabs = [...tabList.querySelectorAll('[role="tab"]')];
  const views = tabs.map((tab) => tab.hash.slice(1));
  let current = null;

  const show = () => {
    const asked = location.hash.slice(1);
    const view = views.includes(asked) ? asked : views[0];
    if (view === current) return;
    for (const tab of tabs) {
      const selected = tab.hash === `#${view}`;
      tab.setAttribute("aria-selected", String(selected));
      tab.tabIndex = selected ? 0 : -1;
      document.getElementById(tab.getAttribute("aria-controls")).hidden = !selected;
    }
    const previous = current;
    current = view;
    onChange(view, previous);
  };

  tabList.addEventListener("keydown", (event) => {
    const index = tabs.indexOf(event.target);
    const next = nextIndex(event.key, index, tabs.length);
    if (next === null) return;
    event.preventDefault();
    tabs[next].focus();
    location.replace(tabs[next].hash);
  });
  addEventListener("hashchange", show);
  show();
}

/** Which tab a key leads to, or `null` for a key that is none of ours. */
function nextIndex(key, index, length) {
  if (key === "ArrowRight") return (index + 1) % length;
  if (key === "ArrowLeft") return (index + length - 1) % length;
  if (key === "Home") return 0;
  if (key === "End") return length - 1;
  if (key === " ") return index;
  return null;
}
