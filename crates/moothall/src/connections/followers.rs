//! Contexts that must know when a user is gone, and do not wait to be asked.

use std::fmt;
use std::sync::Arc;

use moothall_protocol::UserId;
use parking_lot::RwLock;

type Follower = dyn Fn(UserId, u64) + Send + Sync;

/// Those who are told. They are added when the hall opens and stay.
#[derive(Default)]
pub(super) struct Followers(RwLock<Vec<Arc<Follower>>>);

impl fmt::Debug for Followers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} followers", self.0.read().len())
    }
}

impl Followers {
    pub fn add(&self, follower: impl Fn(UserId, u64) + Send + Sync + 'static) {
        self.0.write().push(Arc::new(follower));
    }

    /// The user is gone; their last attachment had this number.
    pub fn tell(&self, user: UserId, attachment: u64) {
        for follower in &*self.0.read() {
            follower(user, attachment);
        }
    }
}
