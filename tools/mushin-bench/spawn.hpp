// This program, started again: each measurement has a process of its own, so that memory and state are its own.
#pragma once
#include <string>
#include <vector>

namespace bench {

struct Finished {
  std::string output;   // all of its standard output
  std::string errors;   // the last line of its standard error
  double first_line_s;  // from start to the first line of output
  int status;           // exit status; 128 + n: ended by signal n
};

/// Runs this executable with `arguments` and waits for its end. Throws std::system_error when it cannot be started.
Finished run_self(const std::vector<std::string>& arguments);

}  // namespace bench
