import { createStore, del, get, set } from "idb-keyval";
import type { Credentials, DeviceKeys } from "../wire.ts";

/**
 * A login stands in two places of the profile, as WhatsApp Web's does, and only both make one: who it is in Local
 * Storage, which Chromium writes to disk some seconds later or when it closes, and its secret in IndexedDB.
 */
const STORAGE_KEY = "simulated-whatsapp-login";
const secrets = createStore("signal-storage", "keys");

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

    credentials: async (): Promise<Credentials | null> => {
      const deviceId = localStorage.getItem(STORAGE_KEY);
      if (deviceId === null) return null;
      const secret = await get<string>(deviceId, secrets);
      return secret === undefined ? null : { deviceId, secret };
    },
    keep: async ({ deviceId, secret }: Credentials): Promise<void> => {
      localStorage.setItem(STORAGE_KEY, deviceId);
      await set(deviceId, secret, secrets);
    },
    forget: async (): Promise<void> => {
      const deviceId = localStorage.getItem(STORAGE_KEY);
      localStorage.removeItem(STORAGE_KEY);
      if (deviceId !== null) await del(deviceId, secrets);
    },

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
