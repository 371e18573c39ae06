// Emitted kernels as C++ for this CPU.
#pragma once
#include <string>

namespace cuda_program_test {

/// How a block runs: each of its parts that needs no other in a call, or by threads that wait for each other, as on the device.
enum class Blocks { whole, of_threads };
/// Comes before the emitter's prelude.
std::string host_prelude(Blocks);
/// A function `unsigned long run_NAME(const void* args, unsigned x, unsigned y)` that runs a kernel's grid, block by block, and gives the
/// size of its arguments, which are of type `args`; 0 where threads wait for what never comes.
std::string runner(const std::string& name, const std::string& args, bool reduces);
/// The command that compiles such a text; what the compiler says goes to the file `log`.
std::string host_compile(const std::string& arguments, const std::string& log);

}  // namespace cuda_program_test
