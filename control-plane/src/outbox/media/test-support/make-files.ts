import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

const FFMPEG = "ffmpeg -nostdin -v error -y";
const SOUND = "-f lavfi -i sine=duration=1";
const PICTURE = "-f lavfi -i testsrc=size=64x64:rate=5:duration=1";
const sound = (how: string) => `${FFMPEG} ${SOUND} ${how}`;
const still = (how: string) => `${FFMPEG} ${PICTURE} -frames:v 1 ${how}`;
const moving = (how: string) => `${FFMPEG} ${PICTURE} ${how}`;
const film = (how: string) => `${FFMPEG} ${PICTURE} ${SOUND} ${how}`;
const python = (lines: string) => `/usr/bin/python3 -c '${lines}'`;
const inside = (folder: string, how: string) => `(cd ${folder} && ${how})`;

/** Shell commands by the file that each makes, or by the step that it is, in the order in which they run. */
const COMMANDS = {
  // ffmpeg: sound
  "song.mp3": sound("song.mp3"),
  "bare.mp3": sound("-id3v2_version 0 -write_xing 0 bare.mp3"),
  "cover.m4a": film("-disposition:v attached_pic -frames:v 1 -c:v mjpeg -c:a aac -f ipod cover.m4a"),
  "song.m4a": sound("song.m4a"),
  "isom.m4a": sound("-f mp4 isom.m4a"),
  "sound.mp4": sound("-brand mp42 sound.mp4"),
  "sound-as-m4v.m4v": sound("-f ipod -brand 'M4V ' sound-as-m4v.m4v"),
  "sound.3gp": sound("-c:a aac sound.3gp"),
  "sound.mov": sound("-c:a aac sound.mov"),
  "opus.mp4": sound("-c:a libopus opus.mp4"),
  "song.aac": sound("-f adts song.aac"),
  "opus.ogg": sound("-c:a libopus opus.ogg"),
  "vorbis.ogg": sound("-c:a libvorbis vorbis.ogg"),
  "flac.ogg": sound("-c:a flac flac.ogg"),
  "sound.webm": sound("-c:a libopus sound.webm"),
  "sound.mka": sound("-c:a libopus sound.mka"),
  "song.flac": sound("song.flac"),
  "song.wav": sound("song.wav"),
  "song.wma": sound("song.wma"),
  // sox, as ffmpeg here writes no AMR
  "voice.amr": "sox -n -r 8000 -c 1 -t amr-nb voice.amr synth 1 sine 300",
  // ffmpeg: pictures
  "a.jpg": still("a.jpg"),
  "a.png": still("a.png"),
  "moving.png": moving("-f apng moving.png"),
  "a.webp": still("a.webp"),
  "moving.webp": moving("-loop 0 moving.webp"),
  "a.gif": still("a.gif"),
  "moving.gif": moving("moving.gif"),
  "a.bmp": still("a.bmp"),
  "a.tiff": still("a.tiff"),
  "a.avif": still("-c:v libaom-av1 -cpu-used 8 a.avif"),
  "a.heic": "heif-enc a.png -o a.heic",
  // ffmpeg: films
  "film.mp4": film("film.mp4"),
  "silent.mp4": moving("silent.mp4"),
  "fragments.mp4": film("-movflags frag_keyframe+empty_moov fragments.mp4"),
  "film-as-m4a.m4a": film("-f mp4 -brand 'M4A ' film-as-m4a.m4a"),
  "film.m4v": film("-f ipod film.m4v"),
  "film.mov": film("film.mov"),
  "film.3gp": moving("-s 176x144 film.3gp"),
  "film.webm": film("film.webm"),
  "film.mkv": film("film.mkv"),
  "film.avi": film("film.avi"),
  "film.wmv": moving("film.wmv"),
  "film.mpg": moving("-r 25 film.mpg"),
  // Libraries that write office files
  "a.docx": python(
    'import docx; d = docx.Document(); d.add_paragraph("Dear Ani"); d.save("a.docx"); d.save("letter")',
  ),
  "a.xlsx": python(
    'import openpyxl; w = openpyxl.Workbook(); w.active["A1"] = 1; w.save("a.xlsx"); w.template = True; w.save("a.xltx")',
  ),
  "a.odt": python(
    'from odf.opendocument import *; OpenDocumentText().save("a.odt"); OpenDocumentSpreadsheet().save("a.ods")',
  ),
  // zip and bsdtar: the same parts in another order, stored, and from a pipe, where sizes follow the data
  parts: "mkdir docx && bsdtar -xf a.docx -C docx",
  "again.docx": inside("docx", "zip -q -r ../again.docx word docProps _rels '[Content_Types].xml'"),
  "stored.docx": inside("docx", "zip -q -0 -r ../stored.docx ."),
  "piped.docx": inside("docx", "zip -q -r - . | cat > ../piped.docx"),
  "bsdtar.docx": inside("docx", "bsdtar --format zip -cf ../bsdtar.docx *"),
  pptx: `mkdir -p pptx/ppt && echo '<p:presentation/>' > pptx/ppt/presentation.xml && echo '<Types><Override PartName="/ppt/presentation.xml" ContentType="application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml"/></Types>' > 'pptx/[Content_Types].xml'`,
  "a.pptx": inside("pptx", "zip -q -r ../a.pptx '[Content_Types].xml' ppt"),
  epub: "mkdir epub && printf application/epub+zip > epub/mimetype && echo '<package/>' > epub/content.opf",
  "a.epub": inside("epub", "zip -q -X -0 ../a.epub mimetype && zip -q ../a.epub content.opf"),
  apk: "mkdir -p apk/META-INF && cd apk && echo 'Manifest-Version: 1.0' > META-INF/MANIFEST.MF && seq 300 | tee AndroidManifest.xml classes.dex > resources.arsc",
  "a.apk": inside(
    "apk",
    "zip -q ../a.apk AndroidManifest.xml classes.dex resources.arsc META-INF/MANIFEST.MF",
  ),
  "split.apk": inside("apk", "zip -q ../split.apk AndroidManifest.xml resources.arsc"),
  "signed.apk": inside("apk", "zip -q ../signed.apk META-INF/MANIFEST.MF AndroidManifest.xml classes.dex"),
  "a.jar": inside("apk", "zip -q ../a.jar META-INF/MANIFEST.MF"),
  texts:
    "printf 'name;number\\nAni;6281234567890\\n' > a.csv && echo '<kml/>' > doc.kml && echo '<g/>' > page.fpage",
  "a.kmz": "zip -q a.kmz doc.kml",
  "a.xps": "zip -q a.xps page.fpage",
  "a.cbz": "zip -q a.cbz a.jpg",
  "deflated.zip": "seq 9000 > numbers.txt && zip -q deflated.zip numbers.txt a.csv",
  "stored.zip": "zip -q -0 stored.zip a.csv numbers.txt",
  "piped.zip": "zip -q - numbers.txt a.csv | cat > piped.zip",
  "locked.zip": "zip -q -P secret locked.zip a.csv",
  "a.7z": "bsdtar --format 7zip -cf a.7z a.csv",
  "a.tar": "bsdtar -cf a.tar a.csv",
  "a.tgz": "bsdtar -czf a.tgz a.csv",
  "a.csv.gz": "gzip -c a.csv > a.csv.gz",
  // gsf: the containers of old office files, and of new ones with a password
  streams: "for name in WordDocument Workbook EncryptionInfo EncryptedPackage; do cp numbers.txt $name; done",
  "a.doc": "gsf createole a.doc WordDocument",
  "a.xls": "gsf createole a.xls Workbook",
  "locked.xlsx": "gsf createole locked.xlsx EncryptionInfo EncryptedPackage",
  "a.pdf": "qpdf --empty a.pdf",
  // The shell: texts
  "bmi.csv": "printf 'BMI;name\\n21;Ani\\n' > bmi.csv",
  "mac.csv": "printf 'MAC address,room\\n00:11:22:33:44:55,2\\n' > mac.csv",
  "form.txt": "printf 'FORM OF ADDRESS\\n' > form.txt",
  "id3.txt": "printf 'ID3 tags and what they are for: a short guide\\n' > id3.txt",
  "gif.txt": "printf 'GIF or PNG? A comparison.\\n' > gif.txt",
  "grid.txt": "{ printf 'G'; printf '%0187d' 0; printf 'G'; printf '%0300d' 0; } > grid.txt",
  "latin1.txt": "printf 'BMI du caf\\351\\n' > latin1.txt",
  "utf16.txt": "echo 'Café' | iconv -f utf-8 -t utf-16 > utf16.txt",
  "zeros.bin": "head -c 300 /dev/zero > zeros.bin",
  "utf8.txt": "echo 'Café' > utf8.txt",
  "a.vcf": "printf 'BEGIN:VCARD\\r\\nVERSION:3.0\\r\\nFN:Ani\\r\\nEND:VCARD\\r\\n' > a.vcf",
  "a.ics": "printf 'BEGIN:VCALENDAR\\r\\nVERSION:2.0\\r\\nEND:VCALENDAR\\r\\n' > a.ics",
  "a.svg": `echo '<svg xmlns="http://www.w3.org/2000/svg"/>' > a.svg`,
  "declared.svg": `echo '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>' > declared.svg`,
  "declared.html": `echo '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"/>' > declared.html`,
  "table.xls": `echo '<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"/>' > table.xls`,
  "a.html": "echo '<!doctype html><title>a</title>' > a.html",
  "a.xml": "echo '<order/>' > a.xml",
  "a.json": "echo '{}' > a.json",
  "a.rtf": "printf '{\\\\rtf1 Dear Ani}' > a.rtf",
} as const;

/** Files that the commands write besides. */
const BESIDES = ["letter", "a.xltx", "a.ods", "doc.kml", "a.csv"] as const;
/** Steps on the way to files. */
const STEPS = ["parts", "pptx", "epub", "apk", "texts", "streams"] as const;

type Step = (typeof STEPS)[number];
export type MadeFile = Exclude<keyof typeof COMMANDS, Step> | (typeof BESIDES)[number];

/** Files as programs make them, each by its name. */
export async function makeFiles(): Promise<Record<MadeFile, Buffer>> {
  const folder = await mkdtemp(join(tmpdir(), "made-files-"));
  try {
    for (const command of Object.values(COMMANDS)) await run("sh", ["-ec", command], { cwd: folder });
    const names = Object.keys(COMMANDS).filter((name) => !STEPS.includes(name as Step));
    const read = [...names, ...BESIDES].map(async (name) => [name, await readFile(join(folder, name))]);
    return Object.fromEntries(await Promise.all(read)) as Record<MadeFile, Buffer>;
  } finally {
    await rm(folder, { recursive: true });
  }
}
