import Fuzzing
import Glibc

// Random bytes for the parsers of Redis' protocol; scripts/fuzz.sh builds and runs it.

exit(FuzzProgram<Fuzzer>.main())
