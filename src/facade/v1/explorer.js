"use strict";
// Addresses are relative to this script, so that they hold behind a proxy that serves the gateway under a prefix.
const root = new URL("..", document.currentScript.src);
const here = root.href.replace(/\/$/, "");
// The description names the address that the gateway sees, which lacks such a prefix.
const addresses = () => ({ statePlugins: { spec: { wrapActions: { updateJsonSpec: (update) => (spec) => {
  const oauth2 = spec.components?.securitySchemes?.oauth2;
  if (oauth2) oauth2.flows.clientCredentials.tokenUrl = here + "/oauth/token";
  return update({ ...spec, servers: [{ url: here }] });
} } } } });
const ui = SwaggerUIBundle({
  url: new URL("openapi.json", root).href,
  dom_id: "#explorer",
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: "list",
  filter: true,
  persistAuthorization: false,
  plugins: [addresses],
  tryItOutEnabled: true,
  validatorUrl: null,
  onComplete() {
    for (const [scheme, key] of Object.entries(DEMO_KEYS)) ui.preauthorizeApiKey(scheme, key);
  },
});
