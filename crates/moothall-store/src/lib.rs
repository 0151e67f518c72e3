//! SQLite and PostgreSQL behind one [`Store`].
#![allow(missing_docs, unused)]
use std::{fmt, time::Duration};
#[derive(Clone)]
pub struct Store;
pub struct Options {
    pub url: String,
    pub synchronous: Synchronous,
    pub connections: usize,
    pub statement_timeout: Duration,
    pub allow_unsafe_durability: bool,
}
impl Options {
    pub fn new(url: impl Into<String>) -> Self {
        todo!()
    }
}
pub enum Synchronous {
    Full,
    Normal,
    Off,
}
#[derive(Debug, Clone)]
pub struct Error;
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}
impl std::error::Error for Error {}
impl Error {
    pub fn is_unavailable(&self) -> bool {
        true
    }
    pub fn constraint(&self) -> Option<&str> {
        None
    }
}
pub struct Migration {
    pub name: &'static str,
    pub sql: &'static str,
}
pub struct MigrationProgress;
impl fmt::Display for MigrationProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}
#[macro_export]
macro_rules! migrations{($($n:literal),*)=>{&[$($crate::Migration{name:$n,sql:include_str!(concat!("../migrations/",$n,".sql"))}),*]}}
#[macro_export]
macro_rules! params{($($n:expr),*$(,)?)=>{&[$(&$n as &dyn $crate::ToParam),*]}}
#[macro_export]
macro_rules! statements{($($(#[$a:meta])*$n:ident=$s:expr;)*)=>{$($(#[$a])* const $n:&str=$s;)* pub(crate) const STATEMENTS:&[(&str,&str)]=&[$((stringify!($n),$n)),*];}}
pub trait ToParam {}
impl ToParam for &[u8] {}
impl ToParam for moothall_protocol::Timestamp {}
impl<K> ToParam for moothall_protocol::Id<K> {}
impl ToParam for bool {}
impl ToParam for i16 {}
impl ToParam for i32 {}
impl ToParam for i64 {}
impl ToParam for f64 {}
impl ToParam for usize {}
impl ToParam for &str {}
impl ToParam for String {}
impl ToParam for Vec<u8> {}
impl ToParam for serde_json::Value {}
impl<T: ToParam> ToParam for Option<T> {}
impl<K> ToParam for Vec<moothall_protocol::Id<K>> {}
impl<K> ToParam for &[moothall_protocol::Id<K>] {}
impl ToParam for &[String] {}
pub trait FromColumn {}
impl FromColumn for Vec<u8> {}
impl<K> FromColumn for moothall_protocol::Id<K> {}
impl FromColumn for moothall_protocol::Timestamp {}
impl FromColumn for bool {}
impl FromColumn for i16 {}
impl FromColumn for i32 {}
impl FromColumn for i64 {}
impl FromColumn for f64 {}
impl FromColumn for String {}
impl FromColumn for serde_json::Value {}
impl<T: FromColumn> FromColumn for Option<T> {}
pub struct Tx<'a>(&'a ());
pub struct Row;
impl Row {
    pub fn get<T: FromColumn>(&self, i: usize) -> Result<T, Error> {
        todo!()
    }
}
impl Tx<'_> {
    pub fn execute(&mut self, s: &'static str, p: &[&dyn ToParam]) -> Result<u64, Error> {
        todo!()
    }
    pub fn query(&mut self, s: &'static str, p: &[&dyn ToParam]) -> Result<Vec<Row>, Error> {
        todo!()
    }
    pub fn query_one(&mut self, s: &'static str, p: &[&dyn ToParam]) -> Result<Row, Error> {
        todo!()
    }
    pub fn query_opt(&mut self, s: &'static str, p: &[&dyn ToParam]) -> Result<Option<Row>, Error> {
        todo!()
    }
    pub fn after_commit(&mut self, c: impl FnOnce() + Send + 'static) {}
}
pub trait OnConstraint<T> {
    fn on_constraint<E: From<Error>>(self, n: &str, e: E) -> Result<T, E>;
}
impl<T> OnConstraint<T> for Result<T, Error> {
    fn on_constraint<E: From<Error>>(self, n: &str, e: E) -> Result<T, E> {
        todo!()
    }
}
impl Store {
    pub async fn open(o: Options) -> Result<Store, Error> {
        todo!()
    }
    pub async fn migrate(&self, m: &[Migration], p: impl Fn(&MigrationProgress)) -> Result<(), Error> {
        todo!()
    }
    pub async fn close(&self) {}
    pub async fn write<T: Send + 'static, E: From<Error> + Send + 'static>(
        &self,
        w: impl FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        todo!()
    }
    pub async fn read<T: Send + 'static, E: From<Error> + Send + 'static>(
        &self,
        w: impl FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        todo!()
    }
}
