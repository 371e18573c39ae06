#pragma once

/// Marks what a library shows; all else is hidden.
#define MUSHIN_API __attribute__((visibility("default")))
