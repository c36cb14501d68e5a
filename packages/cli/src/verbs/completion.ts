import { Argument, type Command } from 'commander';
import { print } from '../terminal.ts';

/** The scripts ask the command itself for the candidates, so that they are never outdated. Without candidates the shell offers files. */
const scripts = {
  bash: `_seaworthy() {
  local IFS=$'\\n'
  COMPREPLY=($(compgen -W "$(seaworthy complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _seaworthy seaworthy`,
  zsh: `#compdef seaworthy
_seaworthy() {
  local -a found
  found=("\${(@f)$(seaworthy complete -- "\${words[@]:1:$((CURRENT - 1))}" 2>/dev/null)}")
  if [[ -n "$found" ]]; then compadd -- $found; else _files; fi
}
compdef _seaworthy seaworthy`,
  fish: `function __seaworthy
  seaworthy complete -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null
end
complete -c seaworthy -a '(__seaworthy)'`,
} as const;

/** Lists the candidates for the last of `words`, which is being typed. */
export function candidates(program: Command, words: readonly string[]): readonly string[] {
  const before = words.slice(0, -1);
  const typed = words.at(-1) ?? '';
  let at = program;
  let given = 0;
  for (let index = 0; index < before.length; index++) {
    const word = before[index] as string;
    const option = at.options.find((one) => one.long === word || one.short === word);
    if (option) {
      if (option.required && index === before.length - 1) return option.argChoices ?? [];
      if (option.required) index++;
      continue;
    }
    const next = at.commands.find((one) => one.name() === word);
    if (next) at = next;
    else given++;
  }
  const help = at.createHelp();
  if (typed.startsWith('-')) return help.visibleOptions(at).flatMap(({ long }) => (long ? [long] : []));
  const verbs = help.visibleCommands(at).map((one) => one.name());
  return verbs.length > 0 ? verbs : (at.registeredArguments[given]?.argChoices ?? []);
}

/** Adds the verb `completion`, and the hidden verb `complete` that its scripts call. */
export function completionVerbs(program: Command): void {
  program
    .command('completion')
    .description('prints a script that completes this command in a shell')
    .addArgument(new Argument('<shell>', 'the shell; for bash: source <(seaworthy completion bash)').choices(Object.keys(scripts)))
    .action((shell: keyof typeof scripts) => print(scripts[shell]));
  program
    .command('complete', { hidden: true })
    .argument('[word...]')
    .action((words: readonly string[]) => {
      const found = candidates(program, words).filter((one) => one.startsWith(words.at(-1) ?? ''));
      if (found.length > 0) print(found.join('\n'));
    });
}
