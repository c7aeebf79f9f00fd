// What stands before every block of commands that is run.

// As a person would in a shell, each line after the one before; what fails before a pipe fails as well. Who finds nothing
// by curl is told so, and that a reader wants no more (23) is no mistake; nor is what the doctor finds on this machine,
// unless it is of the configuration.
export const SHELL = `set -euo pipefail
curl() { command curl --silent --show-error --fail "$@" || [[ $? == 23 ]]; }
volley() {
  [[ \${1-} == doctor ]] || { command volley "$@"; return; }
  command volley "$@" >said || true
  grep . said && ! grep -Eq '\\[config\\]|"check": "config"' said
}
`;
