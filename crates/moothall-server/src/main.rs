//! tmp
#![allow(unused, dead_code)]
mod config;
fn main() {
    println!("{}", config::example().unwrap())
}
