/** What may be a credential: it stands in no input, so that it is in no key's details, and changing it changes no key. */

const NAME = /pass(word|wd|phrase)?$|secret|token|credential|(api|access|private)[-._]?key/i;

/** Whether what is called so may hold a secret. */
export function isSecretName(name: string): boolean {
  return NAME.test(name);
}

/** Without user and password in URLs. */
export function withoutUserInfo(text: string): string {
  return text.replace(/\b([a-z][a-z0-9+.-]*:\/\/)[^/@\s<>"]*@/gi, '$1');
}

/** A command as it may stand in a manifest. */
export function withoutSecrets(command: readonly string[]): string[] {
  return command.map((word) =>
    withoutUserInfo(
      word.replace(/^((?:-D|--define=)?)([^=\s]+)=.*/s, (whole, option: string, name: string) =>
        isSecretName(name) ? `${option}${name}=***` : whole,
      ),
    ),
  );
}
