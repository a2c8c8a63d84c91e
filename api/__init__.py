"""HTTP: jobs, batches, admin pages, webhooks. Still to come; what it will answer is fixed in the contract."""
