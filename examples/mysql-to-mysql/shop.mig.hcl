# The shop: from one MySQL-compatible server to another, a newer MySQL or a MariaDB. `mig plan` names what the target cannot
# hold. The settings here say what mig does about it.

mig {
  required_version = ">= 0.1"
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

source "mysql" "old" {
  host     = "mysql-5.internal"
  username = "mig_reader"
  password = var.source_password
}

target "mysql" "new" {
  host          = "mysql-9.internal"
  port          = 3306
  username      = "mig_writer"
  password      = var.target_password
  ledger_schema = "mig_ledger"
}

migration "shop" {
  source = source.mysql.old
  target = target.mysql.new
  tables = ["shop.*"]

  gates {
    # MySQL's older collations are kept as they are. For a MariaDB target, map those that it does not have:
    #   collation     = "convert"
    #   collation_map = { utf8mb4_0900_ai_ci = "utf8mb4_uca1400_nopad_ai_ci" }
    collation = "stop"

    # Create triggers by hand after the cutover. The plan and the certificate name each of them.
    rule "MIG2103" {
      action = "warn"
    }
  }
}
