import Fuzzing
import Glibc

// Damaged and made-up files for what reads data folders; scripts/fuzz.sh builds and runs it.

exit(FuzzProgram<FolderFuzzer>.main())
