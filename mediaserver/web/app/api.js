/** The description of the API to read and to try: whoever is signed in on the pages is signed in here. */
import { Client } from '../sdk/index.js';

const client = new Client({ url: location.origin, storage: window.localStorage });
const ui = window.SwaggerUIBundle({
  url: '/api/v1/openapi.json',
  dom_id: '#api',
  deepLinking: true,
  docExpansion: 'none',
  filter: true,
  tryItOutEnabled: true,
  validatorUrl: null,
  async onComplete() {
    if (client.user) ui.preauthorizeApiKey('accessToken', await client.token());
  },
});
