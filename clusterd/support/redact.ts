// What must not leave a node in a support bundle, taken out of a text. Pure.
//
// By form: private keys, passwords and the like behind their names, credentials within addresses. By value: whatever the node's own
// secret files hold, wherever it stands.

export const REMOVED = "[removed]";

const KEY_BLOCK = /-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----[^]*?(-----END [A-Z0-9 ]*PRIVATE KEY-----|$)/g;
/** `password = x`, `--token x`, `"api_key": "x"`, SECRET=x; the value ends with its quotes, or at a space. */
const NAMED = /((?:^|[^A-Za-z0-9])["']?-{0,2}[A-Za-z0-9_.-]*(?:passw(?:or)?d|passphrase|secret|token|api[_-]?key|auth[_-]?pass|community|credential)s?["']?(?:\s*[=:]\s*|\s+))("(?:\\.|[^"\\])*"|'[^']*'|[^\s,;"']+)/gi;
const IN_ADDRESS = /([a-z][a-z0-9+.-]*:\/\/[^\s/:@]*:)[^\s/@]+(@)/gi;
const BEARER = /\b(bearer|basic)\s+[A-Za-z0-9+/=._~-]{8,}/gi;

/** `values`: what secret files hold. */
export function redact(text: string, values: readonly string[] = []): string {
  const byValue = values.reduce((rest, value) => rest.replaceAll(value, REMOVED), text);
  return byValue.replace(KEY_BLOCK, REMOVED).replace(IN_ADDRESS, `$1${REMOVED}$2`).replace(BEARER, `$1 ${REMOVED}`).replace(NAMED, `$1${REMOVED}`);
}

/** Of a secret file: each line of it that could not stand anywhere by chance. */
export const secretValues = (file: string): readonly string[] => file.split("\n").map((line) => line.trim()).filter((line) => line.length >= 16 && !line.startsWith("-----") && !line.startsWith("#"));
