/**
 * Which paths of a profile (without a slash at the end) Chromium makes anew. Without the service worker's caches its registration
 * would be broken, so it goes as a whole; whatsapp-web.js's own RemoteAuth keeps no more than IndexedDB and Local Storage.
 */
export const REMADE_BY_CHROMIUM =
  /^browser\/session\/(Singleton[^/]*|Crashpad|BrowserMetrics[^/]*|[^/]*ShaderCache|GraphiteDawnCache|component_crx_cache|Default\/(Cache|Code Cache|GPUCache|Dawn[^/]*Cache|blob_storage|Service Worker))(\/|$)/;
