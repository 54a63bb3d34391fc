//! How a server's process ends.

use std::error::Error;
use std::process::ExitCode;

/// Exit code 0 when all went well; otherwise 1, and a line that says why on standard error.
pub fn code(outcome: Result<(), Box<dyn Error>>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
