# Completion of copg for bash: commands and options, as the program's own --help lists them, and files.
_copg() {
  local program=${COMP_WORDS[0]} word=${COMP_WORDS[COMP_CWORD]} command= i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; ++i)); do
    # What follows -- is a command of its own.
    [ "${COMP_WORDS[i]}" != -- ] || { compopt -o default 2>/dev/null; return 0; }
    if [ -z "$command" ] && [[ ${COMP_WORDS[i]} != -* ]]; then command=${COMP_WORDS[i]}; fi
  done
  if [[ $word == -* ]]; then
    local options
    options=$("$program" ${command:+"$command"} --help 2>/dev/null | sed -n 's/^  \(-[^ ]*\).*/\1/p' | tr ',' '\n')
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
  elif [ -z "$command" ]; then
    local commands
    commands=$("$program" --help 2>/dev/null | sed -n '/^Subcommands:/,/^$/s/^  \([a-z][a-z-]*\) .*/\1/p')
    mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$word")
  else
    mapfile -t COMPREPLY < <(compgen -f -- "$word")
  fi
}
complete -F _copg copg
