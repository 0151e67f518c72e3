//! The server itself: what it is, how late it is, and its bounds.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use moothall_protocol::limits;
use moothall_protocol::system::{Limits, ListLimits, Ping, Pong, RateBudget};

use crate::Hall;
use crate::cx::Cx;
use crate::error::Error;
use crate::operation::{Access, Operations, Rate};
use crate::rates::Budget;

/// The operations of this context.
pub fn operations() -> Operations {
    Operations::context("system", "The server itself: time, version and bounds")
        .get("/ping", "system.ping", Access::Public, ping)
        .get("/limits", "system.limits", Access::Public, list_limits)
}

/// Answers at once, with the server's time. Clients use it as their heartbeat.
pub async fn ping(cx: &Cx, _: Ping) -> Result<Pong, Error> {
    Ok(Pong { time: cx.now(), version: env!("CARGO_PKG_VERSION").to_owned() })
}

/// Every bound of the server.
pub async fn list_limits(cx: &Cx, _: ListLimits) -> Result<Limits, Error> {
    Ok(Limits { limits: limits::all(), rates: rates(cx.hall()) })
}

/// The token bucket of each rate class.
pub(crate) fn rates(hall: &Hall) -> Vec<RateBudget> {
    let budgets = Rate::ALL.map(|rate| {
        let Budget { burst, per_minute } = hall.rates().budget(rate);
        RateBudget { class: rate.as_str().to_owned(), burst, per_minute }
    });
    budgets.to_vec()
}

/// Every bound of the server, without the words. One list for all who connect.
pub(crate) fn limits_by_name() -> Arc<BTreeMap<String, u64>> {
    static LIMITS: LazyLock<Arc<BTreeMap<String, u64>>> = LazyLock::new(|| {
        Arc::new(limits::all().into_iter().map(|limit| (limit.name, limit.value)).collect())
    });
    Arc::clone(&LIMITS)
}
