use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::config::ServerConfig;
use crate::event::CloseReason;
use crate::runtime::Address;

/// Counts connections, in all and per address, and says whether there may be another one.
#[derive(Debug)]
pub(super) struct Admission {
    max_connections: usize,
    max_per_address: Option<usize>,
    admitted: Mutex<Admitted>,
}

#[derive(Debug, Default)]
struct Admitted {
    in_all: usize,
    per_address: HashMap<IpAddr, usize>,
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
            admitted: Mutex::default(),
        })
    }

    /// Admits a connection from `peer`, or tells why not.
    pub(super) fn admit(self: &Arc<Self>, peer: &Address) -> Result<Permit, CloseReason> {
        let ip = peer.ip().map(household);
        let mut admitted = self.admitted();
        if admitted.in_all >= self.max_connections {
            return Err(CloseReason::ServerFull {
                limit: self.max_connections,
            });
        }
        if let Some(ip) = ip
            && let Some(limit) = self.max_per_address
        {
            let from_there = admitted.per_address.get(&ip).copied().unwrap_or(0);
            if from_there >= limit {
                return Err(CloseReason::AddressFull { limit });
            }
            admitted.per_address.insert(ip, from_there + 1);
        }
        admitted.in_all += 1;
        Ok(Permit {
            admission: Arc::clone(self),
            ip,
        })
    }

    fn admitted(&self) -> MutexGuard<'_, Admitted> {
        // Nothing in this module can panic while it holds the lock.
        self.admitted.lock().unwrap_or_else(PoisonError::into_inner)
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
            && let Some(from_there) = admitted.per_address.get_mut(&ip)
        {
            *from_there -= 1;
            if *from_there == 0 {
                admitted.per_address.remove(&ip);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(max_connections: usize, max_per_address: Option<usize>) -> Arc<Admission> {
        Admission::new(&ServerConfig {
            max_connections,
            max_per_address,
            ..ServerConfig::default()
        })
    }

    fn peer(ip: [u8; 4], port: u16) -> Address {
        Address::Tcp((ip, port).into())
    }

    #[test]
    fn a_place_that_is_given_back_is_free_again() {
        let admission = admission(2, None);
        let first = admission.admit(&Address::Memory).unwrap();
        let _second = admission.admit(&Address::Unix(None)).unwrap();
        let full = CloseReason::ServerFull { limit: 2 };
        assert_eq!(admission.admit(&peer([1, 2, 3, 4], 1)).unwrap_err(), full);
        drop(first);
        admission.admit(&peer([1, 2, 3, 4], 1)).unwrap();
    }

    #[test]
    fn an_address_is_counted_whatever_its_port_and_spelling() {
        let admission = admission(100, Some(1));
        let first = admission.admit(&peer([1, 2, 3, 4], 1)).unwrap();
        let mapped = Address::Tcp("[::ffff:1.2.3.4]:5".parse().unwrap());
        let full = CloseReason::AddressFull { limit: 1 };
        assert_eq!(admission.admit(&mapped).unwrap_err(), full);
        let _other = admission.admit(&peer([1, 2, 3, 5], 1)).unwrap();
        drop(first);
        let _again = admission.admit(&mapped).unwrap();
        assert_eq!(admission.admitted().per_address.len(), 2);
    }

    #[test]
    fn a_network_of_ipv6_addresses_counts_as_one() {
        let admission = admission(100, Some(1));
        let from =
            |ip: &str| admission.admit(&Address::Tcp((ip.parse::<IpAddr>().unwrap(), 1).into()));
        let _first = from("2001:db8:0:1::1").unwrap();
        assert!(from("2001:db8:0:1:ffff::2").is_err());
        let _other = from("2001:db8:0:2::1").unwrap();
    }

    #[test]
    fn an_address_that_has_left_takes_no_memory() {
        let admission = admission(100, Some(3));
        drop(admission.admit(&peer([1, 2, 3, 4], 1)).unwrap());
        assert!(admission.admitted().per_address.is_empty());
    }
}
