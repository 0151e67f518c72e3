//! Permissions: resource and action. Roles, which are data, give them; operations ask for them through [`Cx`](crate::Cx).

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// Something a role may allow, such as `users.search`. Each context declares its own as constants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Permission(pub &'static str);

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// What a caller may do, computed once from roles, grants and the scopes of a key. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permissions(Arc<BTreeSet<String>>);

impl Permissions {
    /// The name that stands for every permission, including those of contexts that come later.
    pub const ALL: &'static str = "*";

    /// A set of names, as roles hold them. Unknown names allow nothing.
    pub fn new(names: impl IntoIterator<Item = String>) -> Self {
        Self(Arc::new(names.into_iter().collect()))
    }

    /// Every permission there is.
    pub fn all() -> Self {
        Self::new([Self::ALL.to_owned()])
    }

    /// Whether this is allowed.
    pub fn allow(&self, permission: Permission) -> bool {
        self.allow_by_name(permission.0)
    }

    /// Whether the permission of this name is allowed.
    pub fn allow_by_name(&self, name: &str) -> bool {
        self.0.contains(name) || self.0.contains(Self::ALL)
    }

    /// What both sets allow: a key never allows more than its owner may.
    pub fn within(&self, scope: &Self) -> Self {
        if scope.0.contains(Self::ALL) {
            return self.clone();
        }
        if self.0.contains(Self::ALL) {
            return scope.clone();
        }
        Self(Arc::new(self.0.intersection(&scope.0).cloned().collect()))
    }

    /// Whether all that `other` allows is allowed here too.
    pub fn cover(&self, other: &Self) -> bool {
        self.0.contains(Self::ALL) || other.0.is_subset(&self.0)
    }

    /// The names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_never_allows_more_than_its_owner_may() {
        let owner = Permissions::new(["a".into(), "b".into()]);
        let key = Permissions::new(["b".into(), "c".into()]);
        assert_eq!(owner.within(&key), Permissions::new(["b".into()]));
        assert_eq!(Permissions::all().within(&key), key);
        assert_eq!(owner.within(&Permissions::all()), owner);
        assert!(!owner.allow(Permission("c")));
    }
}
