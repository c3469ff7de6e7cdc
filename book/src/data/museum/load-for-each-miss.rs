// cache.rs
fn plan(&self, key: &str) -> Plan<V> {
    let mut inside = self.write();
    if let Some(flight) = inside.flights.get(key) {
        return Plan::Join(flight.clone());
    }
    let flight = Arc::new(Flight::new());
    inside.flights.insert(Arc::from(key), flight.clone());
    Plan::Load(flight)
}
