# The shop: from a MySQL server to a TiDB server, both on this machine. `make demo` plans and applies this spec.

mig {
  required_version = ">= 0.1"
}

variable "source_port" {
  type        = number
  description = "Port of the MySQL server"
  default     = 3306
}

variable "target_port" {
  type        = number
  description = "Port of the TiDB server"
  default     = 4000
}

variable "source_password" {
  type        = string
  description = "Password of mig_reader on the source"
  sensitive   = true
  env         = "SHOP_SOURCE_PASSWORD"
}

variable "target_password" {
  type        = string
  description = "Password of mig_writer on the target"
  sensitive   = true
  env         = "SHOP_TARGET_PASSWORD"
}

source "mysql" "shop" {
  host     = "127.0.0.1"
  port     = var.source_port
  username = "mig_reader"
  password = var.source_password

  # The demo's servers created their own certificates. Across a network, keep the default: verify_identity.
  tls {
    mode = "required"
  }
}

target "tidb" "cloud" {
  host     = "127.0.0.1"
  port     = var.target_port
  username = "mig_writer"
  password = var.target_password

  tls {
    mode = "required"
  }
}

runner "local" "here" {
  workdir = ".mig/work"
}

migration "shop" {
  source = source.mysql.shop
  target = target.tidb.cloud
  runner = runner.local.here
  tables = ["shop.*", "!shop.audit_*"]
}
