import Fuzzing
import Glibc

// Damaged and made-up bytes for what reads data folders; scripts/fuzz.sh builds and runs it.

exit(FuzzProgram<FileFuzzer>.main())
