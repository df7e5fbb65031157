import type { Credentials, DeviceKeys } from "../wire.ts";

/** Where a login stands in the profile; Chromium writes it to disk some seconds later, or when it closes. */
const STORAGE_KEY = "simulated-whatsapp-login";

const randomBytes = () => crypto.getRandomValues(new Uint8Array(32));

export const encodeB64 = (bytes: ArrayBuffer | Uint8Array<ArrayBuffer>): string =>
  btoa(String.fromCharCode(...new Uint8Array(bytes)));

/** The browser as a device that can be linked: its keys, and its login if it has one. */
export const createDevice = () => {
  const [staticKey, identityKey, advSecret] = [randomBytes(), randomBytes(), encodeB64(randomBytes())];
  const platform = "1";

  return {
    keys: {
      staticKey: encodeB64(staticKey),
      identityKey: encodeB64(identityKey),
      advSecret,
      platform,
    } satisfies DeviceKeys,

    credentials: (): Credentials | null =>
      JSON.parse(localStorage.getItem(STORAGE_KEY) ?? "null") as Credentials | null,
    keep: (credentials: Credentials) => localStorage.setItem(STORAGE_KEY, JSON.stringify(credentials)),
    forget: () => localStorage.removeItem(STORAGE_KEY),

    modules: {
      WABase64: { encodeB64 },
      WAWebAdvSignatureApi: {},
      WAWebCompanionRegClientUtils: { DEVICE_PLATFORM: platform },
      WAWebUserPrefsInfoStore: {
        waNoiseInfo: { get: async () => ({ staticKeyPair: { pubKey: staticKey } }) },
      },
      WAWebSignalStoreApi: {
        waSignalStore: { getRegistrationInfo: async () => ({ identityKeyPair: { pubKey: identityKey } }) },
      },
      WAWebUserPrefsMultiDevice: { getADVSecretKey: () => advSecret },
    },
  };
};
export type Device = ReturnType<typeof createDevice>;
