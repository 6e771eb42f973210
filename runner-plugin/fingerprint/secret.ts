/** What may be a credential: it stands in no input, so that it is in no key's details, and changing it changes no key. */

const NAME =
  /(pass(word|wd|phrase)?|pwd|authorization|[._](auth|login))$|secret|token|credential|(api|access|private)[-._]?key/i;

/** Whether what is called so may hold a secret. */
export function isSecretName(name: string): boolean {
  return NAME.test(name);
}

/** Without user and password in URLs, and without the values of what is called like a secret (`?access_token=`, `--password=`). */
export function withoutCredentials(text: string): string {
  return text
    .replace(/\b([a-z][a-z0-9+.-]*:\/\/)[^/@\s<>"]*@/gi, '$1')
    .replace(/([\w.-]+)=((?!\?[\w.-]+=)[^\s&;,<>"'])+/g, (whole, name: string) =>
      isSecretName(name) ? `${name}=***` : whole,
    );
}

// On a command line it costs little to hide too much. Maven encrypts what follows -ep and -emp.
const OPTION = /auth|\botp$|^em?p$/i;

/** A command as it may be shown and stand in a manifest: values of options that may be secret, and users in URLs, are left out. */
export function withoutSecrets(command: readonly string[]): string[] {
  return command.map((word, at) => {
    const before = /^--?([^=]+)$/.exec(command[at - 1] ?? '')?.[1];
    if (before !== undefined && hides(before) && !word.startsWith('-')) return '***';
    const shown = word.replace(/^(-D|--define=|--?)?([^=\s]+)=.*/s, (whole, option = '', name: string) =>
      hides(name) ? `${option}${name}=***` : whole,
    );
    return withoutCredentials(shown);
  });
}

function hides(name: string): boolean {
  return isSecretName(name) || OPTION.test(name);
}
