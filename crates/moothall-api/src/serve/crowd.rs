//! How many connections each network has: one of them must not take the seats of all others.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use moothall::network;
use parking_lot::Mutex;

/// The connections of all networks. There are no more entries than connections.
#[derive(Debug)]
pub(super) struct Crowds {
    of_network_max: u32,
    sizes: Mutex<HashMap<IpAddr, u32>>,
}

/// One connection among those of its network, for as long as it is held.
#[derive(Debug)]
pub(super) struct Standing {
    crowds: Arc<Crowds>,
    network: IpAddr,
}

impl Crowds {
    /// With so many connections of one network at most.
    pub fn new(of_network_max: u32) -> Self {
        Self { of_network_max, sizes: Mutex::default() }
    }

    /// One more from this address; `None` if its network has all it may have.
    pub fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Standing> {
        let network = network(address);
        let mut sizes = self.sizes.lock();
        let size = sizes.entry(network).or_default();
        if *size >= self.of_network_max {
            metrics::counter!("http_connections_refused_total").increment(1);
            return None;
        }
        *size += 1;
        Some(Standing { crowds: Arc::clone(self), network })
    }
}

impl Drop for Standing {
    fn drop(&mut self) {
        let mut sizes = self.crowds.sizes.lock();
        if let Some(size) = sizes.get_mut(&self.network) {
            *size -= 1;
            if *size == 0 {
                sizes.remove(&self.network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_so_many_connections_and_others_have_their_own() {
        let crowds = Arc::new(Crowds::new(2));
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let first = crowds.enter(address("2001:db8::1")).unwrap();
        let _second = crowds.enter(address("2001:db8::2")).unwrap();
        assert!(crowds.enter(address("2001:db8::3")).is_none(), "of the same /64");
        assert!(crowds.enter(address("192.0.2.1")).is_some());
        drop(first);
        assert!(crowds.enter(address("2001:db8::3")).is_some());
        assert_eq!(crowds.sizes.lock().len(), 1, "who has gone is forgotten");
    }
}
