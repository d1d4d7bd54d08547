"use strict";
// Addresses are relative to this script, so that they hold behind a proxy that serves the gateway under a prefix.
const root = new URL("..", document.currentScript.src);
const ui = SwaggerUIBundle({
  url: new URL("openapi.json", root).href,
  dom_id: "#explorer",
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: "list",
  filter: true,
  persistAuthorization: false,
  tryItOutEnabled: true,
  validatorUrl: null,
  onComplete() {
    for (const [scheme, key] of Object.entries(DEMO_KEYS)) ui.preauthorizeApiKey(scheme, key);
  },
});
