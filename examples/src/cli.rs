//! The command line that the servers have in common.

mod values;

use std::net::SocketAddr;
#[cfg(unix)]
use std::path::PathBuf;
use std::process;
use std::time::Duration;

use chat_core::connection::ConnectionConfig;
use chat_core::hub::{HubConfig, OutboxLimits};
use chat_core::server::ServerConfig;
use chat_core::store::MemoryLimits;
use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser};
use tracing_subscriber::filter::Targets;

pub use values::{Count, Patience, Rate, Size, ValueError};

const LISTENING: &str = "Listening";
const LIMITS: &str = "Limits";
const MEMORY: &str = "Memory";
const TIMEOUTS: &str = "Time-outs (TIME such as 90s, 5m or 500ms; a number alone is in seconds)";
const WATCHING: &str = "Watching";

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
    #[arg(help_heading = LISTENING, long, value_name = "IP:PORT", value_parser = socket_addr)]
    pub listen: Vec<SocketAddr>,

    /// Listen on a Unix socket at this path
    ///
    /// May be repeated. A socket that a dead server left there is replaced; any other file is not touched.
    #[cfg(unix)]
    #[arg(help_heading = LISTENING, long, value_name = "PATH")]
    pub unix: Vec<PathBuf>,

    /// Refuse more connections than this
    #[arg(
        help_heading = LIMITS,
        long,
        value_name = "N",
        value_parser = at_least_one,
        default_value_t = ServerConfig::default().max_connections,
    )]
    pub max_connections: usize,

    /// Refuse more connections than this from one IP address
    ///
    /// Behind a proxy everybody comes from its address: then it has to be off. Unix sockets are only counted in all.
    #[arg(
        help_heading = LIMITS,
        long,
        value_name = "N|off",
        default_value_t = Count(ServerConfig::default().max_per_address),
    )]
    pub max_per_address: Count,

    /// Refuse more than N new connections in SECS seconds from one IP address
    ///
    /// So many at once, then at an even pace.
    #[arg(
        help_heading = LIMITS,
        long,
        value_name = "N/SECS|off",
        default_value_t = Rate(ServerConfig::default().connect_rate),
    )]
    pub connect_rate: Rate,

    /// Hear at most N lines in SECS seconds from one connection
    ///
    /// So many at once, then at an even pace. Whoever sends faster is read later, and closed only after a minute
    /// of it. A load test wants it off.
    #[arg(
        help_heading = LIMITS,
        long,
        value_name = "N/SECS|off",
        default_value_t = Rate(ConnectionConfig::default().rate_limit),
    )]
    pub rate: Rate,

    /// Have no more rooms than this with somebody in them
    #[arg(
        help_heading = LIMITS,
        long,
        value_name = "N|off",
        default_value_t = Count(Some(HubConfig::default().max_rooms)),
    )]
    pub max_rooms: Count,

    /// Let one session be in no more rooms than this at the same time
    #[arg(
        help_heading = LIMITS,
        long,
        value_name = "N|off",
        default_value_t = Count(Some(HubConfig::default().max_rooms_per_session)),
    )]
    pub max_rooms_per_session: Count,

    /// Let no more members than this into one room
    #[arg(
        help_heading = LIMITS,
        long,
        value_name = "N|off",
        default_value_t = Count(Some(HubConfig::default().max_members_per_room)),
    )]
    pub max_members: Count,

    /// Take no more memory than this for all that waits and all that rooms remember
    ///
    /// The less of it is free, the less is kept for those who read slowly. Connections themselves are not in it.
    #[arg(
        help_heading = MEMORY,
        long,
        value_name = "SIZE|off",
        default_value_t = Size(Some(HubConfig::default().max_memory)),
    )]
    pub memory: Size,

    /// Keep so many messages, and 1 MiB, for someone who reads too slowly
    ///
    /// Beyond that the oldest are dropped, and the reader is told which.
    #[arg(
        help_heading = MEMORY,
        long,
        value_name = "N",
        value_parser = at_least_one,
        default_value_t = OutboxLimits::default().messages,
    )]
    pub outbox: usize,

    /// Let a room remember so many messages, and 256 KiB; 0 for none
    #[arg(
        help_heading = MEMORY,
        long,
        value_name = "N",
        default_value_t = MemoryLimits::default().messages,
    )]
    pub history: usize,

    /// Close connections from which nothing came for so long
    ///
    /// Programs are pinged after half of it.
    #[arg(
        help_heading = TIMEOUTS,
        long,
        visible_alias = "idle",
        value_name = "TIME|off",
        value_parser = some_time,
        default_value_t = Patience(ConnectionConfig::default().idle_timeout),
    )]
    pub idle_timeout: Patience,

    /// Close connections that have not introduced themselves for so long
    ///
    /// Programs do with a hello; people have a nick as soon as they are greeted.
    #[arg(
        help_heading = TIMEOUTS,
        long,
        value_name = "TIME|off",
        value_parser = some_time,
        default_value_t = Patience(ConnectionConfig::default().registration_timeout),
    )]
    pub handshake_timeout: Patience,

    /// Close connections that took nothing of what was sent to them for so long
    #[arg(
        help_heading = TIMEOUTS,
        long,
        value_name = "TIME|off",
        value_parser = some_time,
        default_value_t = Patience(ConnectionConfig::default().write_timeout),
    )]
    pub write_timeout: Patience,

    /// Keep the place of a program that has lost its connection for so long
    #[arg(
        help_heading = TIMEOUTS,
        long,
        value_name = "TIME|off",
        default_value_t = Patience(Some(HubConfig::default().resume_grace)),
    )]
    pub resume_grace: Patience,

    /// At the end, give connections so much time to take what waits for them
    #[arg(
        help_heading = TIMEOUTS,
        long,
        value_name = "TIME",
        value_parser = a_time,
        default_value = "10s",
    )]
    pub shutdown_timeout: Duration,

    /// Answer Prometheus on this TCP address, at http://IP:PORT/metrics [default: nowhere]
    ///
    /// Without a password: let it be an address that only those can reach who may know.
    #[arg(help_heading = WATCHING, long, value_name = "IP:PORT", value_parser = socket_addr)]
    pub metrics: Option<SocketAddr>,

    /// What to log to standard error: error, warn, info, debug, trace or off
    ///
    /// Different for parts of the program where wanted, such as "warn,chat_core::server=debug".
    #[arg(help_heading = WATCHING, long, value_name = "FILTER", env = "RUST_LOG", default_value = "info")]
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

    /// The limits of the hub.
    pub fn hub(&self) -> HubConfig {
        let mut config = HubConfig::default();
        config.max_memory = self.memory.or_max();
        config.outbox.messages = self.outbox;
        config.room_memory.messages = self.history;
        config.max_rooms = self.max_rooms.or_max();
        config.max_rooms_per_session = self.max_rooms_per_session.or_max();
        config.max_members_per_room = self.max_members.or_max();
        config.resume_grace = self.resume_grace.0.unwrap_or_default();
        if config.resume_grace.is_zero() {
            config.max_parked = 0;
        }
        config
    }

    /// How many connections the server may have, and how patient it is with them.
    pub fn server(&self) -> ServerConfig {
        let mut config = ServerConfig::default();
        config.max_connections = self.max_connections;
        config.max_per_address = self.max_per_address.0;
        config.connect_rate = self.connect_rate.0;
        config.connection.rate_limit = self.rate.0;
        config.connection.idle_timeout = self.idle_timeout.0;
        config.connection.registration_timeout = self.handshake_timeout.0;
        config.connection.write_timeout = self.write_timeout.0;
        config
    }

    /// How long a graceful shutdown may take.
    pub fn shutdown_timeout(&self) -> Duration {
        self.shutdown_timeout
    }
}

/// A time that is not zero, or none.
fn some_time(value: &str) -> Result<Patience, ValueError> {
    match value.parse()? {
        Patience(Some(Duration::ZERO)) => Err(ValueError::Patience),
        patience => Ok(patience),
    }
}

/// A time, which may be zero.
fn a_time(value: &str) -> Result<Duration, &'static str> {
    let hint = "a time is needed, such as 90s, 5m or 500ms";
    value
        .parse()
        .ok()
        .and_then(|Patience(time)| time)
        .ok_or(hint)
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
    fn each_limit_has_an_option() {
        let options = options(&[
            "--max-connections=1",
            "--max-per-address=2",
            "--connect-rate=5/60",
            "--rate=20/2",
            "--max-rooms=3",
            "--max-rooms-per-session=4",
            "--max-members=5",
            "--memory=6MiB",
            "--outbox=7",
            "--history=8",
            "--idle-timeout=9",
            "--handshake-timeout=10s",
            "--write-timeout=11m",
            "--resume-grace=12h",
            "--shutdown-timeout=500ms",
        ]);
        let mut hub = HubConfig::default();
        hub.max_rooms = 3;
        hub.max_rooms_per_session = 4;
        hub.max_members_per_room = 5;
        hub.max_memory = 6 * 1024 * 1024;
        hub.outbox.messages = 7;
        hub.room_memory.messages = 8;
        hub.resume_grace = Duration::from_secs(12 * 60 * 60);
        assert_eq!(options.hub(), hub);
        let mut server = ServerConfig::default();
        server.max_connections = 1;
        server.max_per_address = Some(2);
        server.connect_rate = "5/60".parse().ok();
        server.connection.rate_limit = "20/2".parse().ok();
        server.connection.idle_timeout = Some(Duration::from_secs(9));
        server.connection.registration_timeout = Some(Duration::from_secs(10));
        server.connection.write_timeout = Some(Duration::from_secs(11 * 60));
        assert_eq!(options.server(), server);
        assert_eq!(options.shutdown_timeout(), Duration::from_millis(500));
    }

    #[test]
    fn limits_can_be_off() {
        let options = options(&[
            "--max-per-address=off",
            "--connect-rate=off",
            "--rate=off",
            "--max-rooms=off",
            "--max-rooms-per-session=off",
            "--max-members=off",
            "--memory=off",
            "--idle=off",
            "--handshake-timeout=off",
            "--write-timeout=off",
            "--resume-grace=off",
        ]);
        let (hub, server) = (options.hub(), options.server());
        let unlimited = [
            hub.max_rooms,
            hub.max_rooms_per_session,
            hub.max_members_per_room,
            hub.max_memory,
        ];
        assert_eq!(unlimited, [usize::MAX; 4]);
        assert_eq!((hub.max_parked, hub.resume_grace), (0, Duration::ZERO));
        assert_eq!((server.max_per_address, server.connect_rate), (None, None));
        let connection = server.connection;
        assert_eq!(connection.rate_limit, None);
        let patience = [
            connection.idle_timeout,
            connection.registration_timeout,
            connection.write_timeout,
        ];
        assert_eq!(patience, [None; 3]);
    }

    #[test]
    fn what_makes_no_sense_is_told_with_what_would() {
        for (option, hint) in [
            ("--rate=0/1", "such as 10/1"),
            ("--connect-rate=often", "such as 10/1"),
            ("--max-connections=0", "at least 1"),
            ("--max-per-address=0", "at least 1"),
            ("--max-rooms=none", "at least 1"),
            ("--memory=much", "such as 64MiB"),
            ("--outbox=0", "at least 1"),
            ("--history=-1", "invalid digit"),
            ("--idle-timeout=0", "such as 90s"),
            ("--handshake-timeout=soon", "such as 90s"),
            ("--write-timeout=0s", "such as 90s"),
            ("--resume-grace=-1s", "such as 90s"),
            ("--shutdown-timeout=off", "such as 90s"),
        ] {
            let error = Options::try_parse_from(["server", option]).unwrap_err();
            let (name, _) = option.split_once('=').unwrap();
            let error = error.to_string();
            assert!(error.contains(name) && error.contains(hint), "{error}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_unix_socket_is_enough_to_listen_on() {
        assert!(options(&["--unix", "chat.sock"]).tcp().is_empty());
        let both = options(&["--unix", "chat.sock", "--listen", "127.0.0.1:0"]);
        assert_eq!(both.tcp(), ["127.0.0.1:0".parse().unwrap()]);
    }
}
