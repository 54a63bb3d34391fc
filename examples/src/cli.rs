//! The command line that the servers have in common.

use std::net::SocketAddr;
#[cfg(unix)]
use std::path::PathBuf;
use std::process;
use std::time::Duration;

use chat_core::connection::{ConnectionConfig, RateLimit, RateLimitError};
use chat_core::hub::{HubConfig, OutboxLimits};
use chat_core::server::ServerConfig;
use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser};
use tracing_subscriber::filter::Targets;

/// A chat server. Connect to it with `nc`, telnet or anything else that sends lines, and type
/// /help; programs speak JSON on the same port.
///
/// Prints "listening on ADDRESS" for every socket once all of them are ready, and "metrics at URL" if asked for. Ctrl-C or SIGTERM
/// lets everyone finish reading before it exits; a second one exits at once.
#[derive(Clone, Debug, Parser)]
#[command(version)]
#[non_exhaustive]
pub struct Options {
    /// Listen on this TCP address [default: 127.0.0.1:8080, unless there is a --unix]
    ///
    /// Port 0 takes a free one. May be repeated.
    #[arg(long, value_name = "IP:PORT", value_parser = socket_addr)]
    pub listen: Vec<SocketAddr>,

    /// Listen on a Unix socket at this path
    ///
    /// May be repeated. A socket that a dead server left there is replaced; any other file is not touched.
    #[cfg(unix)]
    #[arg(long, value_name = "PATH")]
    pub unix: Vec<PathBuf>,

    /// Close connections that have sent nothing for so many seconds; 0 is never
    #[arg(long, value_name = "SECS", default_value_t = default_idle_timeout())]
    pub idle_timeout: u64,

    /// Refuse more connections than this
    #[arg(
        long,
        value_name = "N",
        value_parser = at_least_one,
        default_value_t = ServerConfig::default().max_connections,
    )]
    pub max_connections: usize,

    /// Refuse more connections than this from one IP address [default: no limit]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub max_per_address: Option<usize>,

    /// Hear at most N lines in SECS seconds from one connection: a burst at once, then at an even pace
    ///
    /// Whoever sends faster is read later, and closed only after a minute of it.
    #[arg(long, value_name = "N/SECS|off", value_parser = rate, default_value = "off")]
    pub rate: Rate,

    /// Refuse more than N new connections in SECS seconds from one IP address
    #[arg(long, value_name = "N/SECS|off", value_parser = rate, default_value = "off")]
    pub connect_rate: Rate,

    /// Keep so many messages, and 1 MiB, for someone who reads too slowly
    ///
    /// Beyond that the oldest are dropped, and the reader is told which.
    #[arg(
        long,
        value_name = "N",
        value_parser = at_least_one,
        default_value_t = OutboxLimits::default().messages,
    )]
    pub outbox: usize,

    /// Answer Prometheus on this TCP address, at http://IP:PORT/metrics [default: nowhere]
    ///
    /// Without a password: let it be an address that only those can reach who may know.
    #[arg(long, value_name = "IP:PORT", value_parser = socket_addr)]
    pub metrics: Option<SocketAddr>,

    /// At the end, give connections so many seconds to take what waits for them
    #[arg(long, value_name = "SECS", default_value_t = 10)]
    pub shutdown_timeout: u64,

    /// What to log to standard error: error, warn, info, debug, trace or off
    ///
    /// Different for parts of the program where wanted, such as "warn,chat_core::server=debug".
    #[arg(long, value_name = "FILTER", env = "RUST_LOG", default_value = "info")]
    pub log: Targets,
}

impl Options {
    /// Where to listen unless told.
    pub const DEFAULT_ADDRESS: SocketAddr =
        SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8080);

    /// The options given to this process, which runs `program`.
    ///
    /// Where they cannot be understood, says so in a line and ends the process with exit code 2;
    /// where they only ask for help or the version, prints that and ends it with exit code 0.
    pub fn of_process(program: &'static str) -> Self {
        let matches = Self::command().name(program).try_get_matches();
        match matches.and_then(|matches| Self::from_arg_matches(&matches)) {
            Ok(options) => options,
            Err(error) => match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => error.exit(),
                _ => {
                    let message = error.to_string();
                    let line = message.lines().next().unwrap_or_default();
                    eprintln!("{line} (--help shows the options)");
                    process::exit(2);
                }
            },
        }
    }

    /// The TCP addresses to listen on.
    pub fn tcp(&self) -> &[SocketAddr] {
        #[cfg(unix)]
        let elsewhere = !self.unix.is_empty();
        #[cfg(not(unix))]
        let elsewhere = false;
        if self.listen.is_empty() && !elsewhere {
            return &[Self::DEFAULT_ADDRESS];
        }
        &self.listen
    }

    /// How the hub is to treat slow readers.
    pub fn hub(&self) -> HubConfig {
        let mut config = HubConfig::default();
        config.outbox.messages = self.outbox;
        config
    }

    /// How many connections the server may have, and how patient it is with them.
    pub fn server(&self) -> ServerConfig {
        let mut config = ServerConfig::default();
        config.max_connections = self.max_connections;
        config.max_per_address = self.max_per_address;
        config.connect_rate = self.connect_rate.0;
        config.connection.rate_limit = self.rate.0;
        config.connection.idle_timeout =
            (self.idle_timeout > 0).then(|| Duration::from_secs(self.idle_timeout));
        config
    }

    /// How long a graceful shutdown may take.
    pub fn shutdown_timeout(&self) -> Duration {
        Duration::from_secs(self.shutdown_timeout)
    }
}

/// A rate limit, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate(pub Option<RateLimit>);

fn rate(value: &str) -> Result<Rate, RateLimitError> {
    match value {
        "off" => Ok(Rate(None)),
        limit => limit.parse().map(|limit| Rate(Some(limit))),
    }
}

fn default_idle_timeout() -> u64 {
    let timeout = ConnectionConfig::default().idle_timeout;
    timeout.map_or(0, |timeout| timeout.as_secs())
}

fn socket_addr(value: &str) -> Result<SocketAddr, &'static str> {
    let hint = "an IP address and a port are needed, such as 127.0.0.1:8080 or [::1]:8080";
    value.parse().map_err(|_| hint)
}

fn at_least_one(value: &str) -> Result<usize, String> {
    match value.parse() {
        Ok(0) => Err("it must be at least 1".to_owned()),
        Ok(number) => Ok(number),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(args: &[&str]) -> Options {
        Options::parse_from([&["server"], args].concat())
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Options::command().debug_assert();
    }

    #[test]
    fn what_is_not_said_is_the_librarys_default() {
        let options = options(&[]);
        assert_eq!(options.hub(), HubConfig::default());
        assert_eq!(options.server(), ServerConfig::default());
        assert_eq!(options.tcp(), [Options::DEFAULT_ADDRESS]);
    }

    #[test]
    fn an_idle_timeout_of_zero_is_never() {
        let server = options(&["--idle-timeout", "0"]).server();
        assert_eq!(server.connection.idle_timeout, None);
    }

    #[test]
    fn rates_are_a_number_and_seconds() {
        let server = options(&["--rate", "20/2", "--connect-rate", "5/60"]).server();
        assert_eq!(server.connection.rate_limit, Some("20/2".parse().unwrap()));
        assert_eq!(server.connect_rate, Some("5/60".parse().unwrap()));
        assert!(Options::try_parse_from(["server", "--rate", "0/1"]).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_unix_socket_is_enough_to_listen_on() {
        assert!(options(&["--unix", "chat.sock"]).tcp().is_empty());
        let both = options(&["--unix", "chat.sock", "--listen", "127.0.0.1:0"]);
        assert_eq!(both.tcp(), ["127.0.0.1:0".parse().unwrap()]);
    }
}
