# The article's programs between two servers of this machine. `make demo-article` plans and applies this spec, first with
# Dumpling and TiDB Lightning, then with mig's own engine over the same rows.

variable "source_port" {
  type        = number
  description = "Port of the MySQL server"
}

variable "target_port" {
  type        = number
  description = "Port of the TiDB server"
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

variable "dump" {
  type        = string
  description = "What writes the files"
  default     = "dumpling"
}

variable "load" {
  type        = string
  description = "What loads them"
  default     = "lightning"
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

migration "shop" {
  source = source.mysql.shop
  target = target.tidb.cloud
  tables = ["shop.*", "!shop.audit_*"]

  dump {
    engine    = var.dump
    threads   = 8
    file_size = "256MiB"
  }

  load {
    engine = var.load
  }
}
