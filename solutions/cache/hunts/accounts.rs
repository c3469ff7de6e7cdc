// Bank accounts, each behind its own lock.

use crate::sync::Mutex;

/// A number of accounts.
///
/// **Promise.** A transfer takes from one account what it gives to the other, whatever other threads do; a thread that
/// has seen that an amount was taken finds it in the other account; and every transfer ends.
pub struct Accounts {
    balances: Vec<Mutex<u64>>,
}

impl Accounts {
    /// Accounts with these balances.
    pub fn new(balances: &[u64]) -> Accounts {
        Accounts { balances: balances.iter().map(|&balance| Mutex::new(balance)).collect() }
    }

    /// Moves an amount between two different accounts. Returns whether there was enough.
    pub fn transfer(&self, from: usize, to: usize, amount: u64) -> bool {
        let (first, second) = (from.min(to), from.max(to));
        let mut lower = self.balances[first].lock().unwrap();
        let mut upper = self.balances[second].lock().unwrap();
        let (source, target) = if from < to { (&mut lower, &mut upper) } else { (&mut upper, &mut lower) };
        if **source < amount {
            return false;
        }
        **source -= amount;
        **target += amount;
        true
    }

    /// The balance of an account.
    pub fn balance(&self, account: usize) -> u64 {
        *self.balances[account].lock().unwrap()
    }
}
