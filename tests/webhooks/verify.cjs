// Checks messages, one a line, with npm's standardwebhooks: whether each of the secrets is right.
const { Webhook } = require('standardwebhooks');
const readline = require('node:readline');

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const { secrets, headers, body } = JSON.parse(line);
  const isGood = (secret) => {
    try {
      new Webhook(secret).verify(body, headers);
      return true;
    } catch {
      return false;
    }
  };
  console.log(JSON.stringify(secrets.map(isGood)));
});
