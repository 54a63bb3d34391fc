use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::config::ServerConfig;
use crate::connection::{Pace, RateLimit};
use crate::event::CloseReason;
use crate::runtime::Address;

/// Counts connections, in all and per address, and says whether there may be another one.
#[derive(Debug)]
pub(super) struct Admission {
    max_connections: usize,
    max_per_address: Option<usize>,
    connect_rate: Option<RateLimit>,
    admitted: Mutex<Admitted>,
}

#[derive(Debug, Default)]
struct Admitted {
    in_all: usize,
    origins: BTreeMap<IpAddr, Origin>,
    /// How many origins there may be before those that do not matter any more are looked for.
    sweep_at: usize,
}

/// What is known of an address: its connections, and how fast they came.
#[derive(Debug, Default)]
struct Origin {
    connections: usize,
    pace: Option<Pace>,
}

/// The right to one connection; dropping it gives it back.
#[derive(Debug)]
pub(super) struct Permit {
    admission: Arc<Admission>,
    ip: Option<IpAddr>,
}

impl Admission {
    pub(super) fn new(config: &ServerConfig) -> Arc<Self> {
        Arc::new(Self {
            max_connections: config.max_connections,
            max_per_address: config.max_per_address,
            connect_rate: config.connect_rate,
            admitted: Mutex::default(),
        })
    }

    /// Admits a connection from `peer`, or tells why not.
    pub(super) fn admit(
        self: &Arc<Self>,
        peer: &Address,
        now: Instant,
    ) -> Result<Permit, CloseReason> {
        let ip = peer.ip().map(household);
        let mut admitted = self.admitted();
        if let Some(ip) = ip {
            self.check_pace(ip, now, &mut admitted)?;
        }
        if admitted.in_all >= self.max_connections {
            return Err(CloseReason::ServerFull {
                limit: self.max_connections,
            });
        }
        if let Some(ip) = ip
            && let Some(limit) = self.max_per_address
        {
            let origin = admitted.origins.get(&ip);
            if origin.map_or(0, |origin| origin.connections) >= limit {
                return Err(CloseReason::AddressFull { limit });
            }
            admitted.origins.entry(ip).or_default().connections += 1;
        }
        admitted.in_all += 1;
        Ok(Permit {
            admission: Arc::clone(self),
            ip,
        })
    }

    /// Counts a connection from `ip`, if it does not come too fast after the others.
    fn check_pace(
        &self,
        ip: IpAddr,
        now: Instant,
        admitted: &mut Admitted,
    ) -> Result<(), CloseReason> {
        let Some(limit) = self.connect_rate else {
            return Ok(());
        };
        admitted.sweep(now);
        let origin = admitted.origins.entry(ip).or_default();
        let pace = origin.pace.get_or_insert_with(|| Pace::new(now));
        pace.check(limit, now)
            .map_err(|_| CloseReason::ConnectingTooFast)?;
        pace.count(limit, now);
        Ok(())
    }

    fn admitted(&self) -> MutexGuard<'_, Admitted> {
        // Nothing in this module can panic while it holds the lock.
        self.admitted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Admitted {
    /// Forgets origins that have left and whose pace does not matter any more, whenever there are twice
    /// as many as after the last time.
    fn sweep(&mut self, now: Instant) {
        const FEW: usize = 1024;
        if self.origins.len() >= self.sweep_at.max(FEW) {
            self.origins.retain(|_, origin| {
                origin.connections > 0 || origin.pace.is_some_and(|pace| !pace.is_rested(now))
            });
            self.sweep_at = 2 * self.origins.len();
        }
    }
}

/// What counts as one address: with IPv6 the network of 64 bits, within which one household or machine
/// may choose freely.
fn household(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut admitted = self.admission.admitted();
        admitted.in_all -= 1;
        if let Some(ip) = self.ip
            && let Some(origin) = admitted.origins.get_mut(&ip)
        {
            origin.connections = origin.connections.saturating_sub(1);
            if origin.connections == 0 && origin.pace.is_none() {
                admitted.origins.remove(&ip);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::runtime::Timer;
    use crate::testing::TestRuntime;

    fn admission(max_connections: usize, max_per_address: Option<usize>) -> Arc<Admission> {
        Admission::new(&ServerConfig {
            max_connections,
            max_per_address,
            connect_rate: None,
            ..ServerConfig::default()
        })
    }

    impl Admission {
        fn admit_now(self: &Arc<Self>, peer: &Address) -> Result<Permit, CloseReason> {
            self.admit(peer, TestRuntime::new().now())
        }
    }

    fn peer(ip: [u8; 4], port: u16) -> Address {
        Address::Tcp((ip, port).into())
    }

    #[test]
    fn a_place_that_is_given_back_is_free_again() {
        let admission = admission(2, None);
        let first = admission.admit_now(&Address::Memory).unwrap();
        let _second = admission.admit_now(&Address::Unix(None)).unwrap();
        let full = CloseReason::ServerFull { limit: 2 };
        assert_eq!(
            admission.admit_now(&peer([1, 2, 3, 4], 1)).unwrap_err(),
            full
        );
        drop(first);
        admission.admit_now(&peer([1, 2, 3, 4], 1)).unwrap();
    }

    #[test]
    fn an_address_is_counted_whatever_its_port_and_spelling() {
        let admission = admission(100, Some(1));
        let first = admission.admit_now(&peer([1, 2, 3, 4], 1)).unwrap();
        let mapped = Address::Tcp("[::ffff:1.2.3.4]:5".parse().unwrap());
        let full = CloseReason::AddressFull { limit: 1 };
        assert_eq!(admission.admit_now(&mapped).unwrap_err(), full);
        let _other = admission.admit_now(&peer([1, 2, 3, 5], 1)).unwrap();
        drop(first);
        let _again = admission.admit_now(&mapped).unwrap();
        assert_eq!(admission.admitted().origins.len(), 2);
    }

    #[test]
    fn a_network_of_ipv6_addresses_counts_as_one() {
        let admission = admission(100, Some(1));
        let from = |ip: &str| {
            admission.admit_now(&Address::Tcp((ip.parse::<IpAddr>().unwrap(), 1).into()))
        };
        let _first = from("2001:db8:0:1::1").unwrap();
        assert!(from("2001:db8:0:1:ffff::2").is_err());
        let _other = from("2001:db8:0:2::1").unwrap();
    }

    #[test]
    fn an_address_that_connects_too_fast_has_to_wait() {
        let start = TestRuntime::new().now();
        let admission = Admission::new(&ServerConfig {
            connect_rate: Some("2/10".parse().unwrap()),
            ..ServerConfig::default()
        });
        let connect = |ip, millis| {
            let admitted = admission.admit(&peer(ip, 1), start + Duration::from_millis(millis));
            admitted.map(drop)
        };
        let too_fast = Err(CloseReason::ConnectingTooFast);
        assert_eq!([0, 0].map(|at| connect([1, 1, 1, 1], at)), [Ok(()), Ok(())]);
        assert_eq!(connect([1, 1, 1, 1], 4_999), too_fast);
        assert_eq!(connect([2, 2, 2, 2], 4_999), Ok(()));
        assert_eq!(connect([1, 1, 1, 1], 5_000), Ok(()));
        assert_eq!(connect([1, 1, 1, 1], 5_001), too_fast);
    }

    #[test]
    fn addresses_that_came_once_are_forgotten() {
        let start = TestRuntime::new().now();
        let admission = Admission::new(&ServerConfig {
            connect_rate: Some("1/1".parse().unwrap()),
            ..ServerConfig::default()
        });
        for second in 0..10_000_u32 {
            let [_, a, b, c] = second.to_be_bytes();
            let at = start + Duration::from_secs(second.into());
            drop(admission.admit(&peer([10, a, b, c], 1), at).unwrap());
        }
        assert!(admission.admitted().origins.len() <= 1024);
    }

    #[test]
    fn an_address_that_has_left_takes_no_memory() {
        let admission = admission(100, Some(3));
        drop(admission.admit_now(&peer([1, 2, 3, 4], 1)).unwrap());
        assert!(admission.admitted().origins.is_empty());
    }
}
