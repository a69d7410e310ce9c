// Receives webhooks of Signet and verifies them, with Node's own modules alone.
//
//   WEBHOOK_SECRET=whsec_… node receive-webhook.mjs 8080
//
// Prints the type of each event that verifies. Whatever the framework: verify the body's bytes as they came.
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const TOLERANCE = 5 * 60; // seconds: an older request may be somebody's recording

export function verify(secret, headers, body) {
  const id = headers["webhook-id"] ?? "";
  const timestamp = headers["webhook-timestamp"] ?? "";
  if (!/^[0-9]+$/.test(timestamp) || Math.abs(Date.now() / 1000 - Number(timestamp)) > TOLERANCE) {
    throw new Error("the timestamp is missing, too old or too new");
  }
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const expected = createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest();
  // while a secret is being rotated there are two signatures; one that fits is enough
  const fits = (headers["webhook-signature"] ?? "").split(" ").some((item) => {
    const given = Buffer.from(item.startsWith("v1,") ? item.slice(3) : "", "base64");
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
  if (!fits) throw new Error("no signature fits");
  return JSON.parse(body.toString("utf8"));
}

const seen = new Set(); // in production a table with a unique column

const server = createServer(async (request, response) => {
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  try {
    const event = verify(process.env.WEBHOOK_SECRET, request.headers, Buffer.concat(pieces));
    const id = request.headers["webhook-id"];
    // the same id comes again when an answer of yours was lost
    if (!seen.has(id)) {
      seen.add(id);
      console.log(event.type); // put it into a queue; answer at once, work later
    }
    response.writeHead(204).end();
  } catch (error) {
    response.writeHead(400).end(error.message);
  }
});
server.listen(Number(process.argv[2]), "127.0.0.1", () => console.log(`listening on ${server.address().port}`));
