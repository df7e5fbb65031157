import { createHash, X509Certificate } from "node:crypto";
import { generate } from "selfsigned";

/** The one host name of WhatsApp Web. */
export const HOST_NAME = "web.whatsapp.com";

/** A certificate that nobody but a Chromium told its pin accepts. */
export const createCertificate = async () => {
  const { private: key, cert } = await generate([{ name: "commonName", value: HOST_NAME }], {
    keyType: "ec",
    algorithm: "sha256",
  });
  const spki = new X509Certificate(cert).publicKey.export({ type: "spki", format: "der" });
  return { key, cert, pin: createHash("sha256").update(spki).digest("base64") };
};
export type Certificate = Awaited<ReturnType<typeof createCertificate>>;
