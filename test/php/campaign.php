<?php

/*
 * The WA Blast application as far as the engine meets it: the same calls in the same order, read by the same rules. It runs a
 * campaign over a CSV, says what it does a line at a time, and waits for "go" on standard input where it says "wait".
 */

[, $port, $key, $sessionId, $csv, $pdf, $pauseAt] = $argv;
$addresses = ["http://127.0.0.1:$port", "http://localhost:$port"];

/** Shortened from the 8 to 23 s between the application's attempts. */
const RECONNECT_PAUSE_MS = 500;
const RECONNECTS = 5;
const NOT_CONNECTED = ['Session not found', 'Session is not connected', 'Session closed'];

function say(string $what, mixed $about = null): void
{
    echo json_encode(['what' => $what, 'about' => $about]), "\n";
}

/** One call; one that fails at one address is repeated at the other at once. Status 0: no answer. */
function call(string $method, string $path, int $seconds, mixed $body = null, bool $isForm = false): array
{
    global $addresses, $key;
    foreach ($addresses as $address) {
        $curl = curl_init($address . $path);
        $headers = ["X-API-Key: $key"];
        if (!$isForm) {
            $headers[] = 'Content-Type: application/json';
        }
        curl_setopt_array($curl, [
            CURLOPT_CUSTOMREQUEST => $method,
            CURLOPT_HTTPHEADER => $headers,
            CURLOPT_RETURNTRANSFER => true,
            CURLOPT_TIMEOUT => $seconds,
        ]);
        if ($body !== null) {
            curl_setopt($curl, CURLOPT_POSTFIELDS, $isForm ? $body : json_encode($body));
        }
        $text = curl_exec($curl);
        $status = curl_getinfo($curl, CURLINFO_HTTP_CODE);
        curl_close($curl);
        if ($text !== false) {
            return ['status' => $status, 'text' => $text, 'json' => json_decode($text, true) ?? []];
        }
    }
    return ['status' => 0, 'text' => '', 'json' => []];
}

$isOk = fn (array $answer): bool => $answer['status'] >= 200 && $answer['status'] < 300;
$read = fn (array $answer, string $name): mixed => $answer['json']['data'][$name] ?? $answer['json'][$name] ?? null;
$isRunning = fn (): bool => $isOk(call('GET', '/status', 10));
$status = fn (): ?string => $read(call('GET', "/sessions/$sessionId/status", 10), 'status');

/** The page that shows the code asks for it until the session is connected; one bad answer and it shows an error. */
function scan(): void
{
    global $sessionId, $isOk, $read;
    $shown = null;
    for (;;) {
        $answer = call('GET', "/sessions/$sessionId/qr", 10);
        if (!$isOk($answer)) {
            say('failed', "the QR code: {$answer['status']} {$answer['text']}");
            exit(1);
        }
        if ($read($answer, 'status') === 'connected') {
            return;
        }
        $code = $read($answer, 'qrCode');
        if ($code !== null && $code !== $shown) {
            say('code', $code);
        }
        $shown = $code;
        usleep(200_000);
    }
}

/** Called whenever the session is not connected. */
function reconnect(): void
{
    global $sessionId, $status, $isOk;
    for ($attempt = 1; $attempt <= RECONNECTS; $attempt++) {
        $answer = call('POST', "/sessions/$sessionId/reconnect" . ($attempt % 2 === 0 ? '?fresh=1' : ''), 30, []);
        say('reconnect', $answer['status']);
        for ($look = 0; $look < 10; $look++) {
            $standing = $status();
            if ($standing === 'connected') {
                return;
            }
            if ($standing === 'qr_ready') {
                scan();
                return;
            }
            usleep(RECONNECT_PAUSE_MS * 1000);
        }
    }
}

/** Sends one message, however often it takes; what is answered with 2xx counts as sent. */
function send(string $path, mixed $body, bool $isForm): string
{
    global $isOk, $isRunning, $read, $sessionId;
    for ($attempt = 1; $attempt <= 60; $attempt++) {
        if (!$isRunning()) {
            usleep(500_000); // "engine not running": its job is tried again later
            continue;
        }
        $answer = call('POST', "/sessions/$sessionId/$path", $isForm ? 60 : 30, $body, $isForm);
        if ($isOk($answer)) {
            return (string) $read($answer, 'message_id');
        }
        foreach (NOT_CONNECTED as $words) {
            if (str_contains($answer['text'], $words)) {
                reconnect();
                continue 2;
            }
        }
        if ($answer['status'] !== 0) {
            say('failed', "{$answer['status']} {$answer['text']}");
            exit(1);
        }
    }
    say('failed', 'no answer');
    exit(1);
}

foreach (['/health', '/ping'] as $path) {
    if (!$isOk(call('GET', $path, 10))) {
        say('failed', $path);
        exit(1);
    }
}
$created = call('POST', '/sessions/create', 30, ['sessionId' => $sessionId, 'name' => 'Marketing', 'phoneNumber' => '+62 812-3456-7890']);
say('created', $created['status']);
scan();
say('connected');

$rows = array_map(fn (string $line): array => str_getcsv($line), array_filter(explode("\n", file_get_contents($csv))));
foreach ($rows as $n => [$to, $name]) {
    if (in_array((string) $n, explode(',', $pauseAt), true)) {
        say('wait', $n);
        fgets(STDIN);
    }
    say('sending', $to);
    $id = match ($n % 3) {
        0 => send('send', ['to' => $to, 'message' => "Halo $name", 'type' => 'text'], false),
        1 => send('send-simple', ['to' => $to, 'message' => "Halo $name"], false),
        2 => send('send-media', [
            'to' => $to,
            'message' => "Halo $name",
            'type' => 'document',
            'file' => new CURLFile($pdf, 'application/pdf', 'harga.pdf'),
        ], true),
    };
    say('sent', $id);
}

if (!$isRunning()) {
    exit(1);
}
foreach (['groups' => 60, 'contacts' => 60, 'all-contacts' => 120] as $path => $seconds) {
    $answer = call('GET', "/sessions/$sessionId/$path", $seconds);
    say($path, $isOk($answer) ? $answer['json']['data'] : $answer['status']);
}
say('deleted', call('DELETE', "/sessions/$sessionId", 30)['status']);
