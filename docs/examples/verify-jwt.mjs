// Verifies a license with jose (npm): node verify-jwt.mjs JWKS AUDIENCE < license.jwt
// JWKS is the address of /.well-known/jwks.json, or a file. Prints the claims; exit code 1 when it does not hold.
import { readFileSync } from "node:fs";
import { createLocalJWKSet, createRemoteJWKSet, jwtVerify } from "jose";

const [jwks, audience] = process.argv.slice(2);
const keys = /^https?:/.test(jwks)
  ? createRemoteJWKSet(new URL(jwks))
  : createLocalJWKSet(JSON.parse(readFileSync(jwks, "utf8")));
try {
  const { payload } = await jwtVerify(readFileSync(0, "utf8").trim(), keys, {
    issuer: process.env.ISSUER ?? "signet",
    audience,
    typ: "license+jwt",
    algorithms: ["RS256", "EdDSA", "Ed25519"],
  });
  console.log(JSON.stringify(payload));
} catch (error) {
  console.error(error.code ?? error.message);
  process.exitCode = 1;
}
