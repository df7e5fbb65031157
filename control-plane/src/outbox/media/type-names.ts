/** Other names of the same types. */
const ALIASES: Readonly<Record<string, string>> = {
  "image/jpg": "image/jpeg",
  "image/pjpeg": "image/jpeg",
  "image/x-citrix-jpeg": "image/jpeg",
  "image/x-png": "image/png",
  "image/x-citrix-png": "image/png",
  "image/apng": "image/png",
  "image/heic-sequence": "image/heic",
  "image/heif": "image/heic",
  "image/heif-sequence": "image/heic",
  "audio/mp3": "audio/mpeg",
  "audio/mpeg3": "audio/mpeg",
  "audio/x-mpeg": "audio/mpeg",
  "audio/x-mp3": "audio/mpeg",
  "audio/x-aac": "audio/aac",
  "audio/x-m4a": "audio/mp4",
  "audio/m4a": "audio/mp4",
  "audio/mp4a-latm": "audio/mp4",
  "audio/3gpp": "audio/mp4",
  "audio/3gpp2": "audio/mp4",
  "audio/opus": "audio/ogg",
  "application/ogg": "audio/ogg",
  "audio/x-opus+ogg": "audio/ogg",
  "video/x-m4v": "video/mp4",
  "video/mpeg4": "video/mp4",
};

/** Whether two names are of one type. */
export const isSameType = (a: string, b: string): boolean => plainName(a) === plainName(b);
const plainName = (type: string): string => ALIASES[type] ?? type;

/** Names of an MP4, which follow its brand or its file's name: a camera's MOV is called an MP4, and a recording a film. */
const MP4 = /^(audio\/(mp4|3gpp2?)|video\/(mp4|3gpp2?|quicktime))$/;

/** Whether two names may be of one file, as nobody declares what tracks it has. */
export const isSameFamily = (a: string, b: string): boolean =>
  isSameType(a, b) || (MP4.test(plainName(a)) && MP4.test(plainName(b)));

const ASF = /^((audio|video)\/x-ms-(asf|wm[av])|application\/vnd\.ms-asf)$/;

/** Types that the bytes leave open, such as formats that others are built on, each with the names that are right then. */
const BUILT_ON: Readonly<Record<string, RegExp>> = {
  "application/zip":
    /officedocument|opendocument|openofficeorg|oasis|epub|java-archive|android\.package|ms-(word|excel|powerpoint)\.|macroenabled|officetheme|xps|zip|kmz|iwork|vnd\.apple|usdz|3mf|comicbook|x-cb|geogebra|musicxml|openraster/,
  "application/java-archive": /java|android\.package/,
  // An office file of today with a password is one, too (MS-OFFCRYPTO).
  "application/x-cfb": /ms-|msword|mspublisher|officedocument|macroenabled|visio|outlook|hwp|cfb|ole/,
  // So are a page, and what business programs call a table or a letter.
  "application/xml": /xml|svg|kml|gpx|rss|atom|html|ms-(excel|word)|msword/,
  "application/gzip": /gzip|tar|tgz|compress/,
  "image/apng": /^image\/(a|x-)?png$/,
  // Their first bytes are the same with sound alone.
  "video/webm": /^(audio|video)\/webm$/,
  "video/matroska": /^(audio|video)\/(x-)?matroska$/,
  "audio/x-ms-asf": ASF,
  "video/x-ms-asf": ASF,
  "application/vnd.ms-asf": ASF,
  "video/vnd.avi": /^video\/(avi|x-msvideo|vnd\.avi)$/,
  "video/MP1S": /^video\/mpeg$/,
  "video/MP2P": /^video\/mpeg$/,
};

/** Whether a file of the first type may rightly be called by the second. */
export const isBuiltOn = (found: string, name: string): boolean => BUILT_ON[found]?.test(name) ?? false;
