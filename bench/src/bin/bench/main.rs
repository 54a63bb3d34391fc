//! How fast is the library, beside a server that does as little as one can?
//!
//! ```text
//! cargo run --release --bin bench
//! cargo run --release --bin bench -- --quick --only tokio,room-1000-32
//! ```

#[cfg(target_os = "linux")]
mod compare;
#[cfg(target_os = "linux")]
mod options;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    use clap::Parser;

    match compare::run(&options::Options::parse()) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn main() -> std::process::ExitCode {
    eprintln!("bench: reads the accounting of Linux, and runs there only");
    std::process::ExitCode::FAILURE
}
