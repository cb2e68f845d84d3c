// Starts the console: the theme switch, the three views, and the tabs between them.

import { byId } from "./dom.js";
import { initTabs } from "./tabs.js";
import { initThemeSwitch } from "./theme_switch.js";
import { initLogLinks } from "./log_link.js";
import { initWebSocketView } from "./websocket_view.js";
import { initStompView } from "./stomp_view.js";
import { initServerView } from "./server_view.js";

const TITLES = { websocket: "WebSocket", stomp: "STOMP", server: "Server" };

initThemeSwitch();
initWebSocketView();
const stomp = initStompView();
const server = initServerView({
  watch: (destination) => {
    location.hash = "#stomp";
    stomp.prepareSubscription(destination);
  },
  credentials: () => stomp.credentials(),
});

initTabs(byId("tabs"), (view) => {
  document.title = `${TITLES[view]} · Gumboot`;
  server.setVisible(view === "server");
});
initLogLinks();
